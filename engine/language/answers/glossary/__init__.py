"""What the words of Kubernetes mean: the glossary (Markdown files beside the code) and the fields of the API's schemas."""
