//! The relay's door: accepts connections while none are refused, and knows what becomes of them.
//! Their lives are the business of `connection`.

use std::sync::Arc;

use tokio::net::TcpListener;

use super::Shared;

/// What becomes of a new connection.
#[derive(Clone, Debug, Default)]
pub(super) enum Door {
    /// It is led to the server.
    #[default]
    Open,
    /// It is answered with these bytes and ended.
    Wrong(Vec<u8>),
    /// It is never answered.
    Silent,
}

/// Accepts for as long as the relay lives.
pub(super) async fn open(shared: Arc<Shared>) {
    let mut settings = shared.settings.subscribe();
    loop {
        let open = settings.wait_for(|settings| !settings.refusing).await;
        let Ok(refusals) = open.map(|settings| settings.refusals) else { return };
        // A new one after each refusal: the runtime never forgets that a socket was shut down once,
        // however soon it listened again.
        let listener = shared.listener.try_clone().and_then(TcpListener::from_std);
        let listener = listener.expect("a descriptor is left");
        let refused = async { drop(settings.wait_for(|now| now.refusals != refusals).await) };
        let accepting = async {
            while let Ok((dialler, _)) = listener.accept().await {
                shared.begin(dialler);
            }
        };
        tokio::select! {
            biased;
            () = refused => {}
            () = accepting => {}
        }
    }
}
