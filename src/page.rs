//! The page at `GET /`: echo and rooms tried in a browser, and every close code explained.
//! Leaves to `page/`: what it looks like and does; to `server.rs`: the WebSockets that it opens.

use std::future::ready;

use actix_web::{
    HttpRequest, HttpResponse, guard,
    http::header::{self, ETag, EntityTag, Header, IfNoneMatch},
    web,
};

/// What the page may do: load its own files and open WebSockets to where it came from; nothing
/// inline, nothing foreign, no frame around it (Content Security Policy Level 3). Its scripts
/// write text and never markup, which `require-trusted-types-for` holds them to.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'";

/// The page and what it is made of. The gateway routes these paths and no others.
const FILES: [File; 5] = [
    File::new("/", "text/html; charset=utf-8", include_str!("page/index.html")),
    File::new("/page.css", "text/css; charset=utf-8", include_str!("page/page.css")),
    File::new("/page.js", JAVASCRIPT, include_str!("page/page.js")),
    File::new(
        "/reconnecting-websocket.js",
        JAVASCRIPT,
        include_str!("page/reconnecting-websocket.js"),
    ),
    File::new("/icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
];

/// RFC 9239.
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Adds the page's routes to the public listener's, unless it is switched off (`server.page`).
pub(crate) fn routes(on: bool) -> impl FnOnce(&mut web::ServiceConfig) {
    move |app| {
        for file in FILES.iter().filter(|_| on) {
            let get_or_head = guard::Any(guard::Get()).or(guard::Head());
            let served =
                web::route().guard(get_or_head).to(|asked: HttpRequest| ready(file.answer(&asked)));
            let others = web::to(|| ready(method_not_allowed()));
            app.service(web::resource(file.path).route(served).default_service(others));
        }
    }
}

/// RFC 9110 section 15.5.6 wants the methods named that would do.
fn method_not_allowed() -> HttpResponse {
    HttpResponse::MethodNotAllowed()
        .insert_header((header::ALLOW, "GET, HEAD"))
        .content_type("text/plain; charset=utf-8")
        .body("this page is only read\n")
}

/// A file of the page, part of the program.
struct File {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
    /// Made of the text, so that replicas of one build agree and another build differs.
    hash: u64,
}

impl File {
    const fn new(path: &'static str, kind: &'static str, text: &'static str) -> Self {
        Self { path, kind, text, hash: fnv(text.as_bytes()) }
    }

    /// The file, or 304 for whoever has it. It may be kept but not used unasked: after an upgrade
    /// the page and its scripts must go together.
    fn answer(&self, asked: &HttpRequest) -> HttpResponse {
        let tag = EntityTag::new_strong(format!("{:016x}", self.hash));
        let has_it = has(asked, &tag);
        let mut answer = if has_it { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        answer
            .insert_header(ETag(tag))
            .insert_header((header::CACHE_CONTROL, "no-cache"))
            .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .insert_header((header::REFERRER_POLICY, "no-referrer"));
        if has_it { answer.finish() } else { answer.content_type(self.kind).body(self.text) }
    }
}

/// Whether `If-None-Match` names it (RFC 9110 section 13.1.2).
fn has(asked: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(asked) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(tag)),
        Err(_) => false,
    }
}

/// FNV-1a, the 64-bit one: no secret depends on it, and it can be computed while compiling.
const fn fnv(bytes: &[u8]) -> u64 {
    let (mut hash, mut index) = (0xcbf2_9ce4_8422_2325_u64, 0);
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u64).wrapping_mul(0x0100_0000_01b3);
        index += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use actix_web::{
        App,
        body::to_bytes,
        dev::ServiceResponse,
        http::{Method, StatusCode},
        test::{TestRequest, call_service, init_service},
    };

    use super::*;

    async fn answer(on: bool, asked: TestRequest) -> ServiceResponse {
        let app = init_service(App::new().configure(routes(on))).await;
        call_service(&app, asked.to_request()).await
    }

    fn header<'a>(answer: &'a ServiceResponse, name: &str) -> &'a str {
        answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[actix_rt::test]
    async fn every_file_comes_with_its_kind_the_policy_and_an_order_to_ask_again() {
        for (path, kind) in [
            ("/", "text/html; charset=utf-8"),
            ("/page.css", "text/css; charset=utf-8"),
            ("/page.js", "text/javascript; charset=utf-8"),
            ("/reconnecting-websocket.js", "text/javascript; charset=utf-8"),
            ("/icon.svg", "image/svg+xml"),
        ] {
            let answer = answer(true, TestRequest::get().uri(path)).await;
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            assert_eq!(header(&answer, "content-type"), kind);
            assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
            assert_eq!(header(&answer, "cache-control"), "no-cache");
            let policy = header(&answer, "content-security-policy");
            assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"));
            assert!(!to_bytes(answer.into_body()).await.unwrap().is_empty(), "{path}");
        }
    }

    #[actix_rt::test]
    async fn who_has_a_file_is_not_sent_it_again() {
        let first = answer(true, TestRequest::get().uri("/page.js")).await;
        let tag = header(&first, "etag").to_owned();
        for (known, status) in [
            (tag.clone(), 304),
            // A gateway that compresses makes the tag a weak one.
            (format!("\"other\", W/{tag}"), 304),
            ("*".to_owned(), 304),
            ("\"other\"".to_owned(), 200),
        ] {
            let asked = TestRequest::get().uri("/page.js");
            let answer = answer(true, asked.insert_header(("if-none-match", known.as_str()))).await;
            assert_eq!(answer.status().as_u16(), status, "{known}");
            assert_eq!(header(&answer, "etag"), tag);
            assert_eq!(to_bytes(answer.into_body()).await.unwrap().is_empty(), status == 304);
        }
        let other = answer(true, TestRequest::get().uri("/page.css")).await;
        assert_ne!(header(&other, "etag"), tag);
    }

    #[actix_rt::test]
    async fn the_page_is_only_read_and_can_be_switched_off() {
        assert_eq!(
            answer(true, TestRequest::with_uri("/").method(Method::HEAD)).await.status(),
            200
        );
        let posted = answer(true, TestRequest::post().uri("/")).await;
        assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(header(&posted, "allow"), "GET, HEAD");
        for file in &FILES {
            let answer = answer(false, TestRequest::get().uri(file.path)).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{}", file.path);
        }
    }

    #[test]
    fn the_page_names_no_file_that_is_not_served() {
        let page = FILES[0].text;
        let named = ["href=\"", "src=\""].map(|before| page.split(before).skip(1));
        let named = named.into_iter().flatten().filter_map(|rest| rest.split_once('"'));
        let served = |name| FILES.iter().any(|file| file.path.strip_prefix('/') == Some(name));
        let wrong: Vec<_> = named.map(|(name, _)| name).filter(|name| !served(name)).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    #[test]
    fn every_close_code_that_a_node_sends_is_explained() {
        let sent = include_str!("disconnect.rs").lines().filter_map(|line| {
            let (_, rest) = line.split_once("=> (")?;
            rest.get(..4)?.parse::<u16>().ok()
        });
        let mut codes: Vec<_> = sent.chain([1000, 1001, 1005, 1006]).collect();
        codes.dedup();
        assert!(codes.len() > 8, "only {codes:?} are sent");
        for code in codes {
            let row = format!("<tr id=\"code-{code}\">");
            assert!(FILES[0].text.contains(&row), "{code} is not explained");
        }
    }
}
