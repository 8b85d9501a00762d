"""The process that knows what documents hold: it reads and writes their files, and reads their journals.

All that takes longer the larger a document is happens there, so that nothing in the server's own process waits for it.
``client`` is the server's side, ``results`` are the values that cross over, and ``process`` is what runs on the other
side: ``mirror`` follows one document, ``placing`` is the disk, and ``kinds``, ``notebooks``, ``cells``, ``texts`` and
``trust`` turn files into documents and back.

A mirror learns of edits and of marks from the journal alone. It can be dropped at any time and made again.
"""
