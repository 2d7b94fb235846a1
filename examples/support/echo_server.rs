// An expression: the URL of an echo server for doctests and examples to talk to, which is a
// Holdline backend of this process on a free port, for as long as the process lives.
{
    let (told, address) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut config = holdline::config::Config::default();
        config.server.listen = ([127, 0, 0, 1], 0).into();
        config.control.listen = ([127, 0, 0, 1], 0).into();
        config.server.workers = 1;
        let node = holdline::node::Node::new(config).expect("no application to reach");
        let backend = holdline::backend::Backend::bind(node).expect("a port is free");
        let address = backend.public_address().expect("it is bound");
        told.send(format!("ws://{address}/ws/echo")).expect("somebody waits for it");
        actix_rt::System::new().block_on(backend.run(std::future::pending()))
    });
    address.recv().expect("the backend has started")
}
