"""Markdown (CommonMark and GFM) to HTML in linear time, for outbound mail."""
