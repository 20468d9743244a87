"""The compiled loops of the indicators: arrays in, arrays filled, nothing else."""
