//! Why there is no WebSocket: which header or hop is at fault, from status, header fields and body.
//! Leaves to `dial`: how the handshake went.

use crate::dial::{Answer, ConnectFault, Refusal, ServerUrl, Step};

/// Header fields by which products and networks give themselves away, and their names.
const MARKS: [(&str, &str); 17] = [
    ("cf-ray", "Cloudflare"),
    ("x-amz-cf-id", "CloudFront"),
    ("x-amzn-requestid", "AWS API Gateway"),
    ("x-amz-apigw-id", "AWS API Gateway"),
    ("x-azure-ref", "Azure Front Door"),
    ("x-ms-middleware-request-id", "Azure App Service"),
    ("x-served-by", "Fastly or Varnish"),
    ("x-varnish", "Varnish"),
    ("fly-request-id", "Fly.io"),
    ("x-vercel-id", "Vercel"),
    ("x-nf-request-id", "Netlify"),
    ("x-render-origin-server", "Render"),
    ("x-railway-request-id", "Railway"),
    ("x-envoy-upstream-service-time", "Envoy"),
    ("x-kong-upstream-latency", "Kong"),
    ("x-akamai-request-id", "Akamai"),
    ("x-cache", "a cache"),
];

/// Who answered, as far as the header fields tell: `Server` and `Via` in their own words, then the
/// marks of products.
pub(super) fn hops(answer: &Answer) -> Vec<String> {
    let named = ["server", "via"].into_iter().filter_map(|name| answer.header(name));
    let mut hops: Vec<String> = named.map(|value| harmless(value, 80)).collect();
    let marks = MARKS.iter().filter(|(field, _)| answer.header(field).is_some());
    for (_, product) in marks {
        let known = |hop: &String| hop.to_ascii_lowercase().contains(&product.to_ascii_lowercase());
        if !hops.iter().any(known) {
            hops.push((*product).to_owned());
        }
    }
    hops
}

/// What is at fault and what to do, the likeliest first; a sentence each. `page` is the answer to the
/// same request without the fields that ask for a WebSocket.
pub(super) fn diagnose(refusal: &Refusal, page: Option<&Answer>, url: &ServerUrl) -> Vec<String> {
    let mut said: Vec<String> = match refusal {
        Refusal::Status(answer) => by_status(answer, page, url),
        Refusal::NotWebSocket(_, answer) => vec![not_websocket(answer.as_ref(), url)],
        Refusal::Resolve(_) => vec![format!(
            "check the host {:?}: its name is misspelt, or this machine's resolver does not know it",
            url.host()
        )],
        Refusal::Connect(address, fault) => vec![connect(&address.to_string(), *fault)],
        Refusal::Tls(words) => vec![tls(words)],
        Refusal::HungUp(step, reset) => vec![hung_up(*step, *reset, url)],
        Refusal::Timeout(step, _) => vec![late(*step)],
    };
    if let Some(answer) = refusal.answer() {
        let hops = hops(answer);
        if !hops.is_empty() {
            said.push(format!("the answer came from, or by way of: {}", hops.join(", ")));
        }
    }
    said
}

fn by_status(answer: &Answer, page: Option<&Answer>, url: &ServerUrl) -> Vec<String> {
    let body = answer.body.to_ascii_lowercase();
    let mut said = Vec::new();
    said.extend(by_body(&body).or_else(|| usual_meaning(answer, url)));
    // The same answer to a plain request: the fields that ask for a WebSocket made no difference.
    let same = page.is_some_and(|page| page.status == answer.status && page.body == answer.body);
    if same && matches!(answer.status, 200..=299 | 400 | 404 | 405 | 426 | 501) {
        said.push(
            "the same request without Upgrade and Connection gets the same answer: either these two \
             are dropped on the way (a proxy_pass without `proxy_set_header Upgrade $http_upgrade` and \
             Connection, a CDN with WebSockets switched off), or nothing at this path speaks WebSocket"
                .to_owned(),
        );
    }
    said
}

/// What common servers say in the body, in lower case, when they miss a field of the handshake: actix-web,
/// gorilla, ws for Node, websockets and aiohttp for Python, Tornado, Spring, and this backend.
const SAYINGS: [(&str, &str); 21] = [
    ("token not found in 'connection' header", "Connection"),
    ("\"connection\" must be \"upgrade\"", "Connection"),
    ("no connection upgrade", "Connection"),
    ("connection upgrade is expected", "Connection"),
    ("missing connection header", "Connection"),
    ("invalid connection header", "Connection"),
    ("token not found in 'upgrade' header", "Upgrade"),
    ("can \"upgrade\" only to \"websocket\"", "Upgrade"),
    ("no websocket upgrade", "Upgrade"),
    ("websocket upgrade is expected", "Upgrade"),
    ("missing upgrade header", "Upgrade"),
    ("invalid upgrade header", "Upgrade"),
    ("this is a websocket address", "Upgrade"),
    ("websocket key", "Sec-WebSocket-Key"),
    ("sec-websocket-key", "Sec-WebSocket-Key"),
    ("websocket version", "Sec-WebSocket-Version"),
    ("sec-websocket-version", "Sec-WebSocket-Version"),
    ("\"transport unknown\"", "transport"),
    ("subprotocol", "subprotocol"),
    ("sec-websocket-protocol", "subprotocol"),
    ("plain http request was sent to https port", "TLS"),
];

/// What the body says, where it is one of the sayings that are known.
fn by_body(body: &str) -> Option<String> {
    let (_, field) = SAYINGS.iter().find(|(saying, _)| body.contains(saying))?;
    let directive = match *field {
        "Connection" => "proxy_set_header Connection $connection_upgrade, with its map",
        "Upgrade" => "proxy_set_header Upgrade $http_upgrade",
        "transport" => {
            return Some(
                "this is Socket.IO: its address ends in /socket.io/?EIO=4&transport=websocket"
                    .to_owned(),
            );
        }
        "subprotocol" => {
            return Some(
                "the server minds the subprotocol: offer the one that it wants with --subprotocol"
                    .to_owned(),
            );
        }
        "TLS" => return Some("the port speaks TLS: use wss://".to_owned()),
        _ => "proxy_pass_request_headers on",
    };
    Some(format!(
        "the server did not get our {field} field: a hop dropped or changed it. Upgrade and Connection are \
         for one hop only (RFC 9110 section 7.6.1) and must be passed on by hand; nginx: {directive}"
    ))
}

fn usual_meaning(answer: &Answer, url: &ServerUrl) -> Option<String> {
    let words = match answer.status {
        301 | 302 | 303 | 307 | 308 => return Some(redirect(answer, url)),
        200..=299 => {
            "a page was served in the place of a WebSocket: the path leads to another handler, or the \
             Upgrade and Connection fields were dropped on the way"
        }
        400 => {
            "the server takes the request for no handshake: Upgrade or Connection was dropped on the \
             way, or changed"
        }
        401 | 407 => "credentials are asked for: give them with --header or --auth",
        403 => {
            "it is forbidden: often the Origin is not on the server's list (see --origin), a token is \
             wrong, or a firewall for applications stands in the way"
        }
        404 => {
            "there is no such path: check it, also a slash at its end, and which location serves it"
        }
        405 => {
            "the method is refused: the path is served by something else than a WebSocket handler"
        }
        408 => "the server waited for the request in vain: a hop holds it back",
        421 => {
            "the host is not served on this connection: check Host and the certificate's name (--host)"
        }
        426 => {
            "the server asks for an upgrade that we had asked for: a hop dropped Upgrade or Connection, \
             or speaks HTTP/1.0 (nginx before 1.29.7 without proxy_http_version 1.1) or HTTP/2 to the \
             server"
        }
        429 => {
            "a limit of requests or connections for our address is reached: wait, see Retry-After"
        }
        500 => "the server failed: see its log",
        501 => "a hop does not know upgrades",
        502 => {
            "the gateway got no good answer from the server: it is down, or hung up; see the gateway's \
             error log"
        }
        503 => {
            "no server is ready: it is draining, over a limit, or none is there; see Retry-After"
        }
        504 => {
            "the server did not answer the gateway in time (nginx: proxy_read_timeout is also the wait \
             for the 101): it hangs, or cannot be reached"
        }
        505 => {
            "the HTTP version is refused: an upgrade exists in HTTP/1.1 only, and a hop speaks another \
             version to the server; nginx: proxy_http_version 1.1"
        }
        520..=527 => "Cloudflare could not reach the server or did not understand its answer",
        _ => return None,
    };
    Some(words.to_owned())
}

fn redirect(answer: &Answer, url: &ServerUrl) -> String {
    let status = answer.status;
    let Some(location) = answer.header("location") else {
        return format!("{status} without Location: a redirect to nowhere");
    };
    let to = harmless(location.split('?').next().unwrap_or_default(), 200);
    let path = url.path_and_query();
    let path = path.split('?').next().unwrap_or_default();
    let reason = if to.ends_with(&format!("{path}/")) {
        "; nginx answers so for a location that ends in a slash: use `location = ` for the exact path"
    } else if to.starts_with("https:") && !url.is_secure() {
        "; from http to https: use wss://"
    } else {
        ""
    };
    format!("a redirect ({status}) to {to}, which WebSocket clients do not follow{reason}")
}

fn not_websocket(answer: Option<&Answer>, url: &ServerUrl) -> String {
    match answer {
        Some(answer) if answer.status == 101 => {
            "the 101 breaks RFC 6455 section 4.1: a hop answers from a cache, rewrites header fields, or \
             mixes up connections"
                .to_owned()
        }
        _ if url.is_secure() => "what answers is no HTTP server: check host and port".to_owned(),
        _ => "what answers is no HTTP server: check the port, and whether it speaks TLS (wss://)".to_owned(),
    }
}

fn connect(address: &str, fault: ConnectFault) -> String {
    match fault {
        ConnectFault::Refused => {
            format!("no program listens at {address}: the server is down, or it is another port")
        }
        ConnectFault::Unreachable => {
            format!("there is no route to {address}, or a firewall says so")
        }
        ConnectFault::Other(_) => format!("{address} could not be reached"),
    }
}

fn tls(words: &str) -> String {
    let fault = words.to_ascii_lowercase();
    if fault.contains("corrupt message") || fault.contains("invalidcontenttype") {
        "the port does not speak TLS: use ws://".to_owned()
    } else if fault.contains("unknownissuer") {
        "the certificate is from nobody that this machine trusts: give its authority with --ca, or do \
         not check with --no-check"
            .to_owned()
    } else if fault.contains("not valid for name") || fault.contains("notvalidforname") {
        "the certificate is for another host".to_owned()
    } else if fault.contains("expired") {
        "the certificate has expired".to_owned()
    } else {
        "see what is said about TLS above".to_owned()
    }
}

fn hung_up(step: Step, reset: bool, url: &ServerUrl) -> String {
    match step {
        Step::Handshake if !reset => {
            "the request was taken and the connection closed without a word: nginx does so when its \
             worker_connections are used up; a server that speaks TLS may, too"
                .to_owned()
        }
        Step::Handshake => {
            "the request was answered by an RST: a firewall, a process that ended, or a server that \
             speaks something else"
                .to_owned()
        }
        _ if url.is_secure() => "the port may not speak TLS: try ws://".to_owned(),
        _ => "the connection was ended before anything was asked".to_owned(),
    }
}

fn late(step: Step) -> String {
    match step {
        Step::Resolve => "this machine's resolver does not answer",
        Step::Connect => "packets to the server vanish: a firewall drops them, or the host is down",
        Step::Tls => {
            "TCP works, TLS does not begin: the port may not speak TLS, or the server hangs"
        }
        Step::Handshake => {
            "the request was taken and is not answered: the server hangs, or a hop waits for it (a \
             gateway's read timeout ends that with 504)"
        }
    }
    .to_owned()
}

/// A server's words for a terminal: one line, no control characters, not too many.
fn harmless(text: &str, length: usize) -> String {
    let plain = |c: char| if c.is_control() { '?' } else { c };
    text.trim().chars().take(length).map(plain).collect()
}

#[cfg(test)]
mod tests;
