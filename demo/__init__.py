"""A rolling restart of two uvicorn replicas under load, plain and under `processender run`: `make demo`."""
