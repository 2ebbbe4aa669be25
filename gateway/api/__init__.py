"""HTTP in front of the pipeline: reading requests, writing replies, nothing else."""
