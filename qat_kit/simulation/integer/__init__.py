"""The forward pass of training as the device computes it: the integers of LiteRT's kernels, straight-through gradients.

Between layers flow real values `steps · scale`, as in the fake simulation; each layer finds the integers behind them,
computes what the kernel of its kernel set computes, and hands on the real values of the codes that come out.
"""
