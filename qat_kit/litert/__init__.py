"""The only code that touches LiteRT: the schema of its files (`model_file`) and its runtime (`interpreter`).

A file from outside is read by `read_model`, which trusts nothing in it, and run by an `Interpreter` with limits, in a
child process (`sandbox`, over `child` and `serve`).
"""
