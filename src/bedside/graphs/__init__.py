"""ONNX models from anywhere, held to the standard and stripped of everything that is not computation."""

from bedside.graphs.standard import cleaned_graph, inner_graphs

__all__ = ["cleaned_graph", "inner_graphs"]
