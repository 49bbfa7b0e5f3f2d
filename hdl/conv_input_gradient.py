"""The input gradient core: dz and weights in, dx out."""

from myhdl import block

from convstream.hdl.window_engine import window_engine


@block
def conv_input_gradient(
    aclk, aresetn, s_axis_weights, s_axis_dz, m_axis_dx, frame_error, idle, weights_loaded, waits_for_weights,
    waits_for_dz, *, plan,
):  # fmt: skip
    """dx[n,c,y,u] = sum over k and the taps of (y, u)'s phase of w[k,c,r,s] * dz[n,k,(y+P-r)/S,(u+P-s)/S].

    Exactly those taps are walked that meet a pixel of dz; a dx that no output looked at is sent as zero and takes
    no multiply cycle.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    s_axis_weights : AxiStream, in
        The forward core's stream; the biases are ignored.
    s_axis_dz : AxiStream, in
        Gradients in raster order, `out_lanes` channels a beat.
    m_axis_dx : AxiStream, out
        Gradients in raster order, `in_lanes` channels a beat.
    frame_error, idle, weights_loaded, waits_for_weights, waits_for_dz : bool, out
        Status: see `hdl.status` and `hdl.weight_loader`.
    plan : Plan
        For the input gradient.
    """
    engine = window_engine(
        aclk, aresetn, s_axis_weights, s_axis_dz, m_axis_dx, frame_error, idle, weights_loaded, waits_for_weights,
        waits_for_dz, plan=plan,
    )  # fmt: skip
    engine.name = "engine"
    return engine
