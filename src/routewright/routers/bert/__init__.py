"""An encoder fine-tuned end to end, with a head for the score of every model.

router.py     the family: hold out, train, calibrate, doubt
folder.py     where the pre-trained encoder lies
tokens.py     text → token ids, alike in training and serving
training.py   torch: network, loss, early stopping
export.py     torch → ONNX, proved equal
scorer.py     ONNX → scores, without torch
"""
