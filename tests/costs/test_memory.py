"""The peak of live activations, on graphs small enough to follow by hand."""

from __future__ import annotations

from groupcalc.costs.memory import peak_activation_bytes
from groupcalc.graph import Layer, Tensor


def tensor(name: str, elements: int) -> Tensor:
    return Tensor(name=name, shape=(elements,))


def relu(x: Tensor, y: Tensor, op: str = "Relu") -> Layer:
    return Layer(name=y.name, op=op, inputs=(x,), outputs=(y,))


X, A, B, C = tensor("x", 10), tensor("a", 100), tensor("b", 30), tensor("c", 5)


def peak(*layers: Layer, outputs: tuple[str, ...] = ("c",)) -> int:
    return peak_activation_bytes(layers, (X,), outputs)


def test_a_chain_holds_what_a_layer_reads_and_writes() -> None:
    # x+a, a+b, b+c: the second is the largest; 4 bytes an element.
    assert peak(relu(X, A), relu(A, B), relu(B, C)) == 4 * (100 + 30)


def test_a_skipped_connection_stays_live_until_it_is_added() -> None:
    y = tensor("y", 100)
    add = Layer(name="y", op="Add", inputs=(A, B), outputs=(y,))
    # While y is made, a and b are read: all three are live.
    assert peak(relu(X, A), relu(A, B), add, outputs=("y",)) == 4 * (100 + 30 + 100)


def test_an_output_of_the_graph_stays_to_the_end() -> None:
    # a leaves the graph as well: it is live beside b and c.
    assert peak(relu(X, A), relu(A, B), relu(B, C), outputs=("a", "c")) == 4 * (100 + 30 + 5)


def test_a_view_shares_the_memory_of_what_it_views() -> None:
    flat = tensor("flat", 100)
    # flat is a under another shape: it neither adds to the peak nor lets go of a before c is made.
    assert peak(relu(X, A), relu(A, flat, "Flatten"), relu(flat, C)) == 4 * (100 + 10)


def test_constants_are_no_activations() -> None:
    w = Tensor(name="w", shape=(1000,), constant=True)
    layer = Layer(name="c", op="Add", inputs=(X, w), outputs=(C,))
    assert peak(layer) == 4 * (10 + 5)


def test_a_result_that_nothing_reads_is_live_while_it_is_written() -> None:
    assert peak(relu(X, A), relu(X, C)) == 4 * (10 + 100)


def test_a_network_of_no_layers_holds_its_inputs() -> None:
    assert peak(outputs=("x",)) == 4 * 10
