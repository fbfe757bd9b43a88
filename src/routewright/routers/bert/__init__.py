"""An encoder fine-tuned end to end, with a head for the score of every model.

router.py     the family: train out of fold, choose, train on all, calibrate, doubt
folder.py     where the pre-trained encoder lies
tokens.py     text → token ids, alike in training and serving
network.py    torch: encoder, pooling, linear head
training.py   torch: loss, linear fit, epochs, out-of-fold stages
export.py     torch → ONNX, proved equal
scorer.py     ONNX → scores, without torch
"""
