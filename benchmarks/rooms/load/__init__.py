"""The people: clients of any of the servers, in one process. It runs in the environment below ``.bench/``.

``rooms`` finds where a document is served, ``client`` speaks WebSocket and the protocol of Yjs, ``presence_frames``
writes and reads who is where, ``meter`` reads what it costs. Each other module is one thing that people do.
"""
