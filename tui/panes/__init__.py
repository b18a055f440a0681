"""The four panes: chat, cluster, timeline, output."""
