"""The tools for agents: a server of the Model Context Protocol over the same registry as everything else."""
