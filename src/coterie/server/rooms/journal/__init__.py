"""Journals: all that ever happened to a document, in one append-only file beside no other content.

Words: a *record* is one thing that happened, a *sequence number* says which one; a *mark* is a record that ties the
document to its file; an *outline* is a record without its payload; a *life* is one journal, from the moment it was made
until it is forgotten: two documents with the same life share their history.

``records`` has the bytes. ``journal`` appends and ``folder`` knows where the files lie; ``reading``, ``versions`` and
``compaction`` are for the process that reads them. The folder lies within reach of people who run code in the
workspace: nothing that a file says of itself is believed before it is checked, and nothing is read without a bound.
"""
