"""The numbers of the notes that this project grew out of, to the four decimals printed there."""

import pytest
import torch

from selfattn import context, similarity, simple_self_attention, softmax, sum_normalize, trace

SCORES = """
0.9995 0.9544 0.9422 0.4753 0.4576 0.6310
0.9544 1.4950 1.4754 0.8434 0.7070 1.0865
0.9422 1.4754 1.4570 0.8296 0.7154 1.0605
0.4753 0.8434 0.8296 0.4937 0.3474 0.6565
0.4576 0.7070 0.7154 0.3474 0.6654 0.2935
0.6310 1.0865 1.0605 0.6565 0.2935 0.9450
"""
WEIGHTS = """
0.2098 0.2006 0.1981 0.1242 0.1220 0.1452
0.1385 0.2379 0.2333 0.1240 0.1082 0.1581
0.1390 0.2369 0.2326 0.1242 0.1108 0.1565
0.1435 0.2074 0.2046 0.1462 0.1263 0.1720
0.1526 0.1958 0.1975 0.1367 0.1879 0.1295
0.1385 0.2184 0.2128 0.1420 0.0988 0.1896
"""
CONTEXTS = """
0.4421 0.5931 0.5790
0.4419 0.6515 0.5683
0.4431 0.6496 0.5671
0.4304 0.6298 0.5510
0.4671 0.5910 0.5266
0.4177 0.6503 0.5645
"""
JOURNEY = 1


def written(tensor):
    return [[f"{number:.4f}" for number in row] for row in torch.atleast_2d(tensor).tolist()]


def table(text):
    return [line.split() for line in text.strip().splitlines()]


def test_scores(inputs):
    assert written(similarity(inputs, inputs)) == table(SCORES)


def test_weights(inputs):
    assert written(softmax(similarity(inputs, inputs))) == table(WEIGHTS)


def test_contexts(inputs):
    assert written(context(softmax(similarity(inputs, inputs)), inputs)) == table(CONTEXTS)
    assert written(simple_self_attention(inputs)) == table(CONTEXTS)


def test_the_plain_division_for_journey(inputs):
    weights = sum_normalize(similarity(inputs, inputs)[JOURNEY])
    assert written(weights) == table("0.1455 0.2278 0.2249 0.1285 0.1077 0.1656")
    assert written(weights.sum()) == [["1.0000"]]


@pytest.mark.parametrize("position", range(6))
def test_a_trace_of_each_word(inputs, position):
    record = trace(inputs, inputs, inputs, query=position)
    assert written(record.scores) == [table(SCORES)[position]]
    assert written(record.weights) == [table(WEIGHTS)[position]]
    assert written(record.weights.sum()) == [["1.0000"]]
    assert written(record.context) == [table(CONTEXTS)[position]]


def test_the_printed_trace_of_journey(inputs):
    printed = """\
Trace of query 1: [0.5500, 0.8700, 0.6600]
position   score  weight  contribution
       0  0.9544  0.1385  [0.0596, 0.0208, 0.1233]
       1  1.4950  0.2379  [0.1308, 0.2070, 0.1570]
       2  1.4754  0.2333  [0.1330, 0.1983, 0.1493]
       3  0.8434  0.1240  [0.0273, 0.0719, 0.0409]
       4  0.7070  0.1082  [0.0833, 0.0270, 0.0108]
       5  1.0865  0.1581  [0.0079, 0.1265, 0.0870]
     sum          1.0000  [0.4419, 0.6515, 0.5683] = context"""
    assert repr(trace(inputs, inputs, inputs, query=JOURNEY)) == printed
