"""The HTTP interface that scripts for A1111 and Forge speak, `/sdapi/v1`, on our own jobs."""
