"""What a cluster, a namespace or a workload looks like as a whole: changes over time, events, rankings, gaps, health, comparisons."""
