"""Rooms measured beside other servers of Yjs documents: ``python -m benchmarks.rooms`` from the root of the repository.

``installing`` brings the others, ``contenders`` starts one of all the servers, ``load`` plays the people (in a process
and a virtual environment of its own), ``plan`` says what is measured, ``figures`` and ``report`` say what came out.
"""
