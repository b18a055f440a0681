"""Text that was pasted behind a question: recognised as what it is, and analysed without looking at the cluster."""
