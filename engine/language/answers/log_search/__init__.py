"""Questions about logs: find a text, the last lines, a time window, counts; of all containers and replicas, saying how far was looked."""
