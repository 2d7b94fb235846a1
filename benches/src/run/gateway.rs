//! nginx in front of Holdline: the shipped configuration, that with one directive changed, or next to
//! none.
//! Leaves to `deploy/nginx/render`: the shipped includes; to `holdline`: what is behind it.

use std::{fs, path::Path, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, bail, ensure};

use super::{
    holdline,
    process::{Process, Start, accepts, children, free_port},
    server::{PATIENCE, Running, SERVER_CPU, Tools},
    work::Work,
};

/// A gateway to measure.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Gateway {
    /// Whether it is what the manual says and nothing else, instead of the shipped configuration.
    pub(crate) stock: bool,
    /// Whether the load speaks TLS to it.
    pub(crate) tls: bool,
    /// What is different from the shipped configuration.
    pub(crate) changes: Vec<Change>,
}

/// A directive of the shipped configuration that is different.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Change {
    /// Another value, wherever it stands.
    Set(&'static str, &'static str),
    /// Left out, so that nginx's default holds.
    Remove(&'static str),
    /// One that the shipped configuration leaves at its default, in `http`.
    Add(&'static str, &'static str),
    /// A parameter more, in the file of that name.
    Append(&'static str, &'static str, &'static str),
}

impl Gateway {
    /// As it is shipped.
    pub(crate) fn shipped(tls: bool) -> Self {
        Self { stock: false, tls, changes: Vec::new() }
    }

    /// `proxy_pass` and what an upgrade needs; all else is nginx's default.
    pub(crate) fn stock() -> Self {
        Self { stock: true, tls: false, changes: Vec::new() }
    }

    /// As tables have it.
    pub(crate) fn name(&self) -> String {
        let wire = if self.tls { "TLS" } else { "plain" };
        if self.stock {
            return format!("nginx {wire}, stock settings");
        }
        let changes = self.changes.iter().map(|change| format!(", {}", change.text()));
        format!("nginx {wire}{}", changes.collect::<String>())
    }

    /// Worker processes that it will have.
    fn workers(&self) -> usize {
        let told = self.changes.iter().find_map(|change| match change {
            Change::Set("worker_processes", value) => value.parse().ok(),
            _ => None,
        });
        told.unwrap_or(1)
    }

    /// Starts Holdline and then nginx, and waits until both are ready. They share a core: the load
    /// has the other one, and CPU time is told apart by process.
    pub(crate) fn start(&self, tools: &Tools, folder: &Path, work: &Work) -> Result<Running> {
        let mut backend = holdline::start(1, tools, folder, work, &[])?;
        let port = free_port()?;
        let tls_port = free_port()?;
        let prefix = folder.join("nginx");
        if self.stock {
            self.write_stock(&prefix, port, backend.port)?;
        } else {
            self.write_shipped(tools, &prefix, [port, tls_port, free_port()?], backend.port)?;
        }
        let prefix = prefix.to_string_lossy().into_owned();
        let (program, file) = (tools.nginx.to_string_lossy(), format!("{prefix}/nginx.conf"));
        let words = [&program, "-e", "stderr", "-p", &prefix, "-c", &file, "-g", "daemon off;"];
        let words = words.map(str::to_owned).to_vec();
        let start = Start { words, cpus: SERVER_CPU, ..Start::default() };
        let mut nginx = Process::start(&start, &folder.join("nginx.log"), None)?;
        let ready = || if self.stock { accepts(port) } else { healthy(port) };
        nginx.wait_until(PATIENCE, ready).with_context(|| self.name())?;
        // The port accepts before there are workers, who are to be accounted too.
        let master = nginx.pid();
        let all = || children(master).len() >= self.workers();
        nginx.wait_until(PATIENCE, all).with_context(|| format!("{}: workers", self.name()))?;
        let gateway = ("gateway", nginx.family());
        let (_, behind) = backend.accounts.remove(0);
        backend.accounts = vec![gateway, ("backend", behind)];
        backend.processes.insert(0, nginx);
        backend.port = if self.tls { tls_port } else { port };
        backend.authority = self.tls.then(|| tools.scratch.join("tls/fullchain.pem"));
        Ok(backend)
    }

    /// The folder that `scripts/up --native` gives to nginx, and then the changes.
    fn write_shipped(
        &self,
        tools: &Tools,
        folder: &Path,
        [port, tls_port, status]: [u16; 3],
        backend: u16,
    ) -> Result<()> {
        fs::create_dir_all(folder)?;
        let nginx = tools.root.join("deploy/nginx");
        let mut render = Command::new(nginx.join("render"));
        render
            .arg(folder.join("holdline.d"))
            .env("GATEWAY_PORT", port.to_string())
            .env("GATEWAY_STATUS_LISTEN", format!("127.0.0.1:{status}"))
            .env("HOLDLINE_BACKENDS", format!("127.0.0.1:{backend}"))
            .env("GATEWAY_WORKER_FILES", files_max().min(41_472).to_string())
            .env("GATEWAY_TLS_FOLDER", "");
        // All the load comes from one address, which is what these limits are against.
        for name in ["GATEWAY_HANDSHAKE_RATE", "GATEWAY_ADDRESS_HANDSHAKE_RATE"] {
            render.env(name, "1000000");
        }
        render.env("GATEWAY_ADDRESS_CONNECTIONS", "65535");
        if self.tls {
            render
                .env("GATEWAY_TLS_FOLDER", certificate(&tools.scratch)?)
                .env("GATEWAY_TLS_PORT", tls_port.to_string());
        }
        let done = render.output().context("cannot run deploy/nginx/render")?;
        ensure!(done.status.success(), "render: {}", String::from_utf8_lossy(&done.stderr));
        fs::copy(nginx.join("nginx.conf"), folder.join("nginx.conf"))?;
        // `auto` counts the machine's cores, and this gateway has one.
        Change::Set("worker_processes", "1").apply(folder)?;
        self.changes.iter().try_for_each(|change| change.apply(folder))
    }

    fn write_stock(&self, folder: &Path, port: u16, backend: u16) -> Result<()> {
        fs::create_dir_all(folder.join("logs"))?;
        ensure!(!self.tls && self.changes.is_empty(), "stock settings are measured as they are");
        let text = stock(port, backend, files_max());
        fs::write(folder.join("nginx.conf"), text).context("cannot write nginx.conf")
    }
}

/// The manual's way to pass WebSockets on (nginx.org/en/docs/http/websocket.html), with room for as
/// many connections as are opened, and with files where we may write. All else is a default.
fn stock(port: u16, backend: u16, files: u64) -> String {
    format!(
        "\
pid nginx.pid;
worker_rlimit_nofile {files};
events {{
  worker_connections {};
}}
http {{
  client_body_temp_path client_body_temp;
  proxy_temp_path proxy_temp;
  fastcgi_temp_path fastcgi_temp;
  uwsgi_temp_path uwsgi_temp;
  scgi_temp_path scgi_temp;
  map $http_upgrade $connection_upgrade {{
    default upgrade;
    '' close;
  }}
  server {{
    listen {port};
    location / {{
      proxy_pass http://127.0.0.1:{backend};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
    }}
  }}
}}
",
        files.saturating_sub(512)
    )
}

impl Change {
    fn text(self) -> String {
        match self {
            Self::Set(name, value) | Self::Add(name, value) | Self::Append(name, _, value) => {
                format!("{name} {value}")
            }
            Self::Remove(name) => format!("no {name}"),
        }
    }

    /// Makes it in the files of a rendered folder. Fails where the directive is not found: then the
    /// shipped configuration has changed, and the comparison would be with itself.
    fn apply(self, folder: &Path) -> Result<()> {
        let mut found = 0;
        for file in files(folder)? {
            let text = fs::read_to_string(&file)?;
            let here = match self {
                Self::Append(_, name, _) => file.file_name().is_some_and(|file| file == name),
                Self::Add(..) => file.file_name().is_some_and(|file| file == "nginx.conf"),
                Self::Set(..) | Self::Remove(_) => true,
            };
            if !here {
                continue;
            }
            let lines: Vec<String> = text.lines().map(|line| self.line(line, &mut found)).collect();
            fs::write(&file, lines.join("\n") + "\n")?;
        }
        if found == 0 {
            bail!("deploy/nginx has no place for the change \"{}\"", self.text());
        }
        Ok(())
    }

    fn line(self, line: &str, found: &mut u32) -> String {
        let stands = |name: &str| {
            let rest = line.trim_start().strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(' ')) && line.ends_with(';')
        };
        let changed = match self {
            Self::Set(name, value) if stands(name) => format!("{name} {value};"),
            Self::Remove(name) if stands(name) => String::new(),
            Self::Append(name, _, value) if stands(name) => {
                format!("{} {value};", line.trim_end_matches(';'))
            }
            Self::Add(name, value) if line == "http {" => format!("{line}\n{name} {value};"),
            _ => return line.to_owned(),
        };
        *found += 1;
        changed
    }
}

/// nginx.conf and its rendered includes.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = vec![folder.join("nginx.conf")];
    let includes = folder.join("holdline.d");
    for entry in fs::read_dir(&includes).with_context(|| includes.display().to_string())? {
        files.push(entry?.path());
    }
    Ok(files)
}

fn healthy(port: u16) -> bool {
    holdline::get(port, "/healthz").is_some_and(|(status, _)| status == 200)
}

/// Descriptors that a process may be given here.
fn files_max() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum.unwrap_or(1_000_000)
}

/// The folder with certificate and key for `localhost`, made once. It is its own authority.
fn certificate(scratch: &Path) -> Result<PathBuf> {
    let folder = scratch.join("tls");
    if folder.join("fullchain.pem").exists() {
        return Ok(folder);
    }
    fs::create_dir_all(&folder)?;
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(folder.join("privkey.pem"))
        .arg("-out")
        .arg(folder.join("fullchain.pem"))
        .output()
        .context("cannot run openssl, which makes the certificate")?;
    ensure!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shipped, as it lies.
    fn shipped() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let nginx = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/nginx");
        fs::create_dir(folder.path().join("holdline.d")).expect("a folder");
        for name in ["nginx.conf", "holdline.d/listen.conf", "holdline.d/status.conf"] {
            fs::copy(nginx.join(name), folder.path().join(name)).expect(name);
        }
        folder
    }

    fn after(change: Change, file: &str) -> String {
        let folder = shipped();
        change.apply(folder.path()).expect("it has a place");
        fs::read_to_string(folder.path().join(file)).expect(file)
    }

    #[test]
    fn one_directive_is_changed_and_no_other() {
        let text = after(Change::Set("proxy_buffer_size", "16k"), "nginx.conf");
        assert!(text.contains("\nproxy_buffer_size 16k;\n"), "{text}");
        assert!(!text.contains("proxy_buffer_size 3400;"), "{text}");
        assert!(text.contains("  client_max_body_size 1k;\n"), "{text}");
    }

    #[test]
    fn what_stands_twice_is_left_out_twice_and_longer_names_stay() {
        let text = after(Change::Remove("keepalive"), "nginx.conf");
        assert!(!text.contains("keepalive 16;"), "{text}");
        assert!(text.contains("keepalive_timeout 5s;"), "{text}");
    }

    #[test]
    fn a_parameter_is_appended_in_its_file_only() {
        let change = Change::Append("listen", "listen.conf", "reuseport");
        assert!(after(change, "holdline.d/listen.conf").contains("backlog=4096 reuseport;"));
        assert!(!after(change, "holdline.d/status.conf").contains("reuseport"));
    }

    #[test]
    fn a_default_is_said_in_http() {
        let text = after(Change::Add("tcp_nodelay", "off"), "nginx.conf");
        assert!(text.contains("http {\ntcp_nodelay off;\n"), "{text}");
    }

    #[test]
    fn a_directive_that_is_not_there_is_an_error() {
        let folder = shipped();
        let error =
            Change::Set("proxy_buffers", "8 4k").apply(folder.path()).expect_err("no place");
        assert!(error.to_string().contains("proxy_buffers"), "{error}");
    }
}
