"""Jobs over plain HTTP routes beside the page: asking for one, its state, previews and pictures."""
