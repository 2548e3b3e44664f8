"""The engine: jobs, their queue and worker, previews and timelines. Import its modules."""
