"""What a person sees and types: the `k8sagent` command, the full-screen session and the plain line mode.

It knows the engine's events and `Agent`, never a cluster, a process or a model. `tui.cli` stays light: Textual is
imported by `tui.app.app` and below it alone.
"""
