"""RHEL and other Linux hosts: what a fixed table of read-only commands says of a machine, and what is wrong with it.

`collect` makes one `Bundle` a host, of this machine or over the system's ssh client; the analyzers turn a bundle into findings and do
no I/O. Nothing here raises rights, and nothing here changes a host.
"""
