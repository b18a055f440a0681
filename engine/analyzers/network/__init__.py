"""Services, ingress, network policies, DNS."""
