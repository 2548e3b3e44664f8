"""The images API that OpenAI's clients speak, `/v1/models` and `/v1/images`, on our own jobs."""
