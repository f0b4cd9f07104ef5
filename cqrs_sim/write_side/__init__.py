"""The write side: a gateway and one actor an order.

It never imports the read side, nor the read side it: they share events and their log, nothing else.
"""
