"""The forward core: x and weights in, z out."""

from myhdl import block

from convstream.hdl.window_engine import window_engine


@block
def conv_forward(
    aclk, aresetn, s_axis_weights, s_axis_x, m_axis_z, frame_error, idle, weights_loaded, waits_for_weights,
    waits_for_x, *, plan,
):  # fmt: skip
    """z[n,k,i,j] = b[k] + sum over c, r, s of w[k,c,r,s] * x[n,c,i*S+r-P,j*S+s-P], rounded once.

    Parameters
    ----------
    aclk : bool, in
    aresetn : bool, low in reset, in
    s_axis_weights : AxiStream, in
        w and then b; may be sent again between two images.
    s_axis_x : AxiStream, in
        Images in raster order, `in_lanes` channels a beat.
    m_axis_z : AxiStream, out
        Images in raster order, `out_lanes` channels a beat.
    frame_error, idle, weights_loaded, waits_for_weights, waits_for_x : bool, out
        Status: see `hdl.status` and `hdl.weight_loader`.
    plan : Plan
        For the forward pass.
    """
    engine = window_engine(
        aclk, aresetn, s_axis_weights, s_axis_x, m_axis_z, frame_error, idle, weights_loaded, waits_for_weights,
        waits_for_x, plan=plan,
    )  # fmt: skip
    engine.name = "engine"
    return engine
