"""A SavedModel as an ONNX graph, and its predictions, by TensorFlow; works in the current folder.

    python -m in_tensorflow convert    asked.json, model/           -> model.onnx, facts.json
    python -m in_tensorflow predict    asked.json, model/, rows.npy -> outputs.npy

or refused.json: what is wrong, and what to do. TensorFlow's own loader of SavedModels is never called, as it runs what
a model asks for on loading. Of the graph, what the output of its signature needs is kept, and what fills the variables;
both are held to lists of operations while they are nothing but data.
"""
