//! New versions, reloads and the end: what each costs in connections and in seconds.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::harness::peer::Dial;
use crate::harness::until;
use crate::stack::{Stack, docker};

/// The container's stop grace; see docker-compose.yml.
const GRACE: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(60);

pub async fn a_deploy_says_1012_to_everyone(stack: &mut Stack, name: &str) {
    let mut peers = stack.connect_many("/ws/echo", 40).await;
    let newcomers = Newcomers::start(stack.address());
    newcomers.have_come(10).await;
    let version = format!("next-{:08x}", fastrand::u32(..));
    docker(&["tag", "holdline:dev", &format!("holdline:{version}")]);
    stack.set("HOLDLINE_VERSION", &version);
    let began = Instant::now();
    let deployed = tokio::task::block_in_place(|| {
        stack.compose(&["up", "--detach", "--wait", "--no-build"]);
        began.elapsed()
    });
    let before = newcomers.count();
    newcomers.have_come(before + 10).await;
    let told = newcomers.stop().await;
    for peer in &mut peers {
        assert_eq!(peer.ended().await.code, 1012);
    }
    println!(
        "deploy, {name}: {:.1} s in all; {} of {} handshakes refused, nobody got in for {:.1} s",
        deployed.as_secs_f64(),
        told.failures.len(),
        told.count + told.failures.len(),
        told.gap.as_secs_f64()
    );
    stack.connect("/ws/echo").await.echoes("the new version").await;
    stack.set("HOLDLINE_VERSION", "dev");
    docker(&["image", "rm", "--force", &format!("holdline:{version}")]);
}

pub async fn a_reload_of_the_gateway_drops_none(stack: &Stack) {
    let mut peers = stack.connect_many("/ws/echo", 100).await;
    for reload in 0..2 {
        stack.compose(&["kill", "--signal", "HUP", "gateway"]);
        for peer in &mut peers {
            peer.echoes(&format!("after reload {reload}")).await;
        }
        stack.connect("/ws/echo").await.echoes("a newcomer").await;
    }
}

pub async fn down_ends_within_its_grace(stack: Stack) {
    let mut peers = stack.connect_many("/ws/echo", 40).await;
    let began = Instant::now();
    let output = tokio::task::block_in_place(|| stack.script("down", &[]));
    let took = began.elapsed();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    println!("down took {:.1} s", took.as_secs_f64());
    assert!(took < GRACE, "{took:?}");
    for peer in &mut peers {
        assert_eq!(peer.ended().await.code, 1012);
    }
    let filter = format!("label=com.docker.compose.project={}", stack.project);
    assert_eq!(docker(&["ps", "--all", "--quiet", "--filter", &filter]), "", "nothing is left");
}

/// People who come in one after the other, 20 a second, say a word and leave.
pub struct Newcomers {
    told: Arc<Mutex<Told>>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// What became of them.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// How many got in.
    pub count: usize,
    /// Why the others did not.
    pub failures: Vec<String>,
    /// The longest time in which nobody got in.
    pub gap: Duration,
}

impl Newcomers {
    /// Lets them come.
    pub fn start(address: SocketAddr) -> Self {
        let told = Arc::new(Mutex::new(Told::default()));
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(come(address, told.clone(), stopped));
        Self { told, stop, task }
    }

    /// How many have come in.
    pub fn count(&self) -> usize {
        self.told.lock().expect("no newcomer panics").count
    }

    /// Waits until so many have come in.
    pub async fn have_come(&self, count: usize) {
        until("newcomers", PATIENCE, async || self.count(), |seen| *seen >= count).await;
    }

    /// Lets no more come, and tells.
    pub async fn stop(self) -> Told {
        let _ = self.stop.send(true);
        let _ = self.task.await;
        self.told.lock().expect("no newcomer panics").clone()
    }
}

async fn come(address: SocketAddr, told: Arc<Mutex<Told>>, stopped: watch::Receiver<bool>) {
    let mut last = Instant::now();
    while !*stopped.borrow() {
        let came = match Dial::new(address, "/ws/echo").attempt().await {
            Ok(Ok(peer)) => {
                peer.close(1000, "").await;
                Ok(())
            }
            Ok(Err(answer)) => Err(format!("{} {}", answer.status, answer.text())),
            Err(why) => Err(why),
        };
        {
            let mut told = told.lock().expect("no newcomer panics");
            match came {
                Ok(()) => {
                    told.count += 1;
                    told.gap = told.gap.max(last.elapsed());
                    last = Instant::now();
                }
                Err(why) => told.failures.push(why),
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
