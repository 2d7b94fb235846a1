// An expression: the URL of an echo server for doctests and examples to talk to, which is a
// Holdline backend of this process on a free port, for as long as the process lives.
{
    let config = include!("free_ports.rs");
    let node = holdline::node::Node::new(config).expect("no application is to be reached");
    let backend = holdline::backend::Backend::bind(node).expect("a port is free");
    let server = backend.start().expect("there is a thread");
    let url = format!("ws://{}/ws/echo", server.public_address());
    // Never told to stop.
    std::mem::forget(server);
    url
}
