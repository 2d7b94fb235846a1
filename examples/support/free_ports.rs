// An expression: a configuration for doctests and examples, whose listeners have free ports and
// whose shutdown takes no time when nobody is there.
{
    let mut config = holdline::config::Config::default();
    config.server.listen = ([127, 0, 0, 1], 0).into();
    config.control.listen = ([127, 0, 0, 1], 0).into();
    config.server.workers = 1;
    config.drain.delay = std::time::Duration::ZERO;
    config
}
