//! From the evidence to the cause. Each rule was measured on a real gateway (`tests/e2e/ends`); where
//! the evidence does not decide between two, both are said. Leaves to `answer.rs`: the words.

use super::{access::Access, cause::Cause, error::Kind, evidence::Evidence};

/// What the evidence says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) cause: Cause,
    /// What it could be as well.
    pub(super) or: Option<Cause>,
    /// What would decide, or would tell more.
    pub(super) missing: Option<&'static str>,
}

impl Verdict {
    fn sure(cause: Cause) -> Self {
        Self { cause, or: None, missing: None }
    }

    fn either(cause: Cause, or: Cause, missing: &'static str) -> Self {
        Self { cause, or: Some(or), missing: Some(missing) }
    }

    /// Whether somebody can act on it.
    pub(super) fn is_explained(&self) -> bool {
        !matches!(self.cause, Cause::Unknown | Cause::StillOpen)
    }
}

const ERROR_LOG: &str = "with the gateway's error log (--error-log) it could be told whether the gateway \
                         cut the connection";
const INFO: &str = "the error log that was given has no line at level info of which one could be expected \
                    here: nginx tells of cuts at that level only (error_log … info)";
const OWN_LOG: &str = "with Holdline's own log (--log) it could be told which side hung up";
const OWN_LINE: &str = "Holdline's log that was given has no line of this request: with that of its backend, \
                        of the same minutes, it could be told which side hung up";
const GATEWAY_LOGS: &str = "with the gateway's access and error log (--access-log, --error-log) it could be \
                            told whether the gateway cut the connection, or was stopped, or the client left";
const ACCESS_LINE: &str = "the access log that was given has no line of it: nginx writes one when a connection \
                           ends, unless it is stopped or killed; is it of the same minutes, and of this gateway?";

/// Names the cause.
pub(super) fn judge(evidence: &Evidence) -> Verdict {
    if let Some(ended) = &evidence.ended {
        return match ended.cause {
            Cause::PeerGone => gone(evidence),
            cause => Verdict::sure(cause),
        };
    }
    match &evidence.access {
        Some(access) if access.is_upgraded() => told_by_the_gateway(evidence, access),
        Some(access) => refused(evidence, access),
        None if evidence.refused.is_some() => Verdict::sure(Cause::RefusedByBackend),
        None if evidence.opened.is_some() => Verdict::sure(Cause::StillOpen),
        None => Verdict::sure(Cause::Unknown),
    }
}

/// Our side saw TCP end without a close frame: the gateway's logs tell whose doing it was.
fn gone(evidence: &Evidence) -> Verdict {
    if let Some(cause) = cut(evidence) {
        return Verdict::sure(cause);
    }
    let given = evidence.given;
    match &evidence.access {
        Some(access) if access.completed == Some(false) => unfinished(evidence),
        Some(_) if !given.error => {
            Verdict::either(Cause::ClientHungUp, Cause::GatewayReadTimeout, ERROR_LOG)
        }
        Some(_) if !given.info => {
            Verdict::either(Cause::ClientHungUp, Cause::GatewayReadTimeout, INFO)
        }
        Some(_) => Verdict::sure(Cause::ClientHungUp),
        None => match (evidence.gateway_ended(), given.access) {
            (Some(kind), true) => Verdict::sure(ending(kind)),
            (Some(kind), false) => Verdict::either(ending(kind), Cause::PeerGone, GATEWAY_LOGS),
            // A quit that was cut short, as by the end of a container's grace period.
            (None, true) if evidence.worker_was_shutting_down() => {
                Verdict::either(Cause::GatewayStopped, Cause::PeerGone, ACCESS_LINE)
            }
            (None, true) => {
                Verdict { missing: Some(ACCESS_LINE), ..Verdict::sure(Cause::PeerGone) }
            }
            (None, false) => {
                Verdict { missing: Some(GATEWAY_LOGS), ..Verdict::sure(Cause::PeerGone) }
            }
        },
    }
}

/// What nginx itself said about the end of an upgraded connection.
fn cut(evidence: &Evidence) -> Option<Cause> {
    let rules = [
        (Kind::ReadTimeout, Cause::GatewayReadTimeout),
        (Kind::SendTimeout, Cause::GatewaySendTimeout),
        (Kind::ClientReset, Cause::ClientHungUp),
        (Kind::BackendReset, Cause::BackendReset),
    ];
    rules.into_iter().find(|(kind, _)| evidence.has(*kind)).map(|(_, cause)| cause)
}

/// nginx did not see it through, and gives no reason: its worker was ended with it.
fn unfinished(evidence: &Evidence) -> Verdict {
    if evidence.worker_was_shutting_down() {
        return Verdict::sure(Cause::GatewayReload);
    }
    let missing = if evidence.given.error { INFO } else { ERROR_LOG };
    Verdict::either(Cause::GatewayReload, Cause::GatewaySendTimeout, missing)
}

fn ending(kind: Kind) -> Cause {
    if kind == Kind::Stopped { Cause::GatewayStopped } else { Cause::GatewayKilled }
}

/// An upgraded connection that has ended, and of whose end our side says nothing.
fn told_by_the_gateway(evidence: &Evidence, access: &Access) -> Verdict {
    if let Some(cause) = cut(evidence) {
        return Verdict::sure(cause);
    }
    if access.completed == Some(false) {
        return unfinished(evidence);
    }
    if evidence.opened.is_some() {
        // Whoever writes an open and never an end has been killed.
        return Verdict::sure(Cause::BackendClosed);
    }
    let missing = if evidence.given.own { OWN_LINE } else { OWN_LOG };
    Verdict::either(Cause::ClientHungUp, Cause::BackendClosed, missing)
}

/// A request that was not upgraded.
fn refused(evidence: &Evidence, access: &Access) -> Verdict {
    let limited = access.limited.is_some() || evidence.has(Kind::Limited);
    let answered = access.is_answered_by_backend();
    Verdict::sure(match access.status {
        ..400 => Cause::NotAWebsocket,
        499 => Cause::ClientGaveUp,
        _ if limited => Cause::RefusedByLimit,
        _ if answered == Some(true) => Cause::RefusedByBackend,
        // nginx refuses nothing by itself with these two, and a foreign format may name no backend.
        504 => Cause::BackendSilent,
        502 => Cause::NoBackend,
        _ if access.upstream.is_none() => Cause::RefusedByGateway,
        _ => Cause::RefusedByBackend,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::why::{
        error::Fault,
        evidence::{Ended, Given, Opened},
        own::Own,
    };

    const ALL: Given = Given { own: true, access: true, error: true, info: true };

    /// A connection of which our log says this, with all logs given.
    fn ended(reason: &str) -> Evidence {
        let line = format!(
            "2026-11-21T20:31:38.000Z INFO  end id=1f request=c1 reason={reason} code=- age=9.000 in=0 out=0"
        );
        let own = Own::parse(&line).expect("a line of ours");
        let opened = Some(Opened { peer: None, route: "/ws/echo".into() });
        Evidence { given: ALL, opened, ended: Some(Ended::of(&own)), ..Evidence::default() }
    }

    fn access(completion: &str) -> Access {
        let line = format!(
            "{{\"time\":\"2026-11-21T20:31:38+00:00\",\"request\":\"c1\",\"serial\":\"7\",\"worker\":\"41\",\
             \"status\":\"101\",\"life\":9.000,\"completion\":\"{completion}\"}}"
        );
        Access::parse(&line, None).expect("a line")
    }

    fn complaint(line: &str) -> Vec<Fault> {
        let line = format!("2026/11/21 20:31:37 [info] 41#41: {line}");
        vec![Fault::parse(&line).expect("a line")]
    }

    fn names(verdict: Verdict) -> (&'static str, Option<&'static str>) {
        (verdict.cause.name(), verdict.or.map(Cause::name))
    }

    #[test]
    fn our_own_word_counts_unless_it_is_that_tcp_ended() {
        let faults = complaint("*7 client timed out (110: x) while proxying upgraded connection");
        for (reason, cause) in [("slow", "slow"), ("peer_gone", "gateway_send_timeout")] {
            let evidence =
                Evidence { access: Some(access("")), faults: faults.clone(), ..ended(reason) };
            assert_eq!(names(judge(&evidence)), (cause, None));
        }
    }

    #[test]
    fn an_error_log_that_has_no_line_at_info_proves_no_client_s_leave() {
        let seen = Evidence { access: Some(access("OK")), ..ended("peer_gone") };
        assert_eq!(names(judge(&seen)), ("client_hung_up", None));
        for given in [Given { info: false, ..ALL }, Given { error: false, info: false, ..ALL }] {
            let verdict = judge(&Evidence { given, ..seen.clone() });
            assert_eq!(names(verdict), ("client_hung_up", Some("gateway_read_timeout")));
            assert!(verdict.missing.is_some_and(|missing| missing.contains("error log")));
        }
    }

    #[test]
    fn a_backend_that_fails_is_named_where_the_format_names_no_backend() {
        for (status, cause) in
            [(502, "no_backend"), (504, "backend_silent"), (404, "refused_by_gateway")]
        {
            let mut access = access("OK");
            access.status = status;
            let seen = Evidence { given: ALL, access: Some(access), ..Evidence::default() };
            assert_eq!(names(judge(&seen)), (cause, None), "{status}");
        }
    }

    #[test]
    fn only_its_own_worker_s_end_explains_an_unfinished_connection() {
        let [mine, another] = ["gracefully shutting down"; 2].map(complaint);
        let another = another.into_iter().map(|fault| Fault { process: 42, ..fault }).collect();
        for (around, or) in [(mine, None), (another, Some("gateway_send_timeout"))] {
            let access = Some(access(""));
            let verdict = judge(&Evidence { access, around, ..ended("peer_gone") });
            assert_eq!(names(verdict), ("gateway_reload", or));
        }
    }

    #[test]
    fn a_gateway_that_ended_explains_only_what_has_no_line_of_its_own() {
        let around = complaint("worker process 41 exited on signal 11");
        let gone = Evidence { around, ..ended("peer_gone") };
        assert_eq!(names(judge(&gone)), ("gateway_killed", None));
        let given = Given { access: false, ..ALL };
        let verdict = judge(&Evidence { given, ..gone.clone() });
        assert_eq!(names(verdict), ("gateway_killed", Some("peer_gone")));
        let seen = Evidence { access: Some(access("OK")), ..gone };
        assert_eq!(names(judge(&seen)), ("client_hung_up", None));
    }
}
