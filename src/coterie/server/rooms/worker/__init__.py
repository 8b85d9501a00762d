"""The process that knows what documents hold: it reads and writes their files, and reads their journals.

All that takes longer the larger a document is happens there, so that nothing in the server's own process waits.
``client`` is the server's side, and ``process`` is what runs on the other side. ``results`` are the values that cross
over, ``calls`` says what may be asked and answered, ``plain`` makes data of it, and ``pipe`` carries that. ``opening``
and ``mirror`` know one document, and ``placing`` is the disk. ``kinds`` turns files into documents and back, with
``notebooks`` and ``trust`` for what stands in a file, and ``cells``, ``matching`` and ``texts`` for what people edit.

A mirror learns of edits and of marks from the journal alone. It can be dropped at any time and made again.
"""
