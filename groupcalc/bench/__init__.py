"""The measured latency of convolutions: engines in processes of their own, timed in turn, each verified before."""
