"""Finds the right page of documentation: Markdown to chunks, chunks to a Whoosh index on disk, a query to cited passages.

It knows Markdown and Whoosh, and nothing of clusters, models or screens. Whoosh is imported when first needed.
"""
