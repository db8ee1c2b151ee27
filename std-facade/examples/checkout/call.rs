//! How the services call each other: HTTP, and a span on both sides of each call.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jaegerling::propagate::uber::{self, Uber};
use jaegerling::{Span, SpanContext, TracesIn};
use tiny_http::{Header, Request, Response};

/// Where each service is.
pub(crate) type Urls = HashMap<&'static str, String>;

/// A request that came in, and its span.
pub(crate) struct Incoming<'a> {
    pub(crate) span: Span,
    pub(crate) traces: &'a Arc<TracesIn>,
    request: Request,
    urls: &'a Urls,
}

impl<'a> Incoming<'a> {
    /// Begins a child of the caller's span; or a trace, if the caller does not trace.
    pub(crate) fn new(request: Request, traces: &'a Arc<TracesIn>, urls: &'a Urls) -> Self {
        let operation = format!("{} {}", request.method(), request.url());
        let mut headers = request.headers().iter();
        let header = headers.find(|header| header.field.equiv(uber::HEADER));
        let span = match header.and_then(|header| uber::parse(header.value.as_str()).ok()) {
            Some(caller) => traces.span_in(&caller, operation),
            None => traces.new_trace(operation),
        };
        Self {
            span: span.with_string_tag("span.kind", "server"),
            traces,
            request,
            urls,
        }
    }

    /// Calls another service, in a span of its own, whose context goes along. Gives the status
    /// that came back, and that context.
    pub(crate) fn call(
        &self,
        service: &str,
        operation: &str,
        timeout: Duration,
        first_try: Option<SpanContext>,
    ) -> (u16, SpanContext) {
        let mut span = self.span.child(operation);
        span.add_string_tag("span.kind", "client");
        if let Some(first) = first_try {
            span.add_int_tag("retry", 1);
            span.add_follows_from_raw(first.trace_id.into(), first.span_id.into());
        }
        let (method, path) = operation.split_once(' ').unwrap_or(("GET", operation));
        let url = format!("{}{path}", self.urls[service]);
        let status = match http(method, &url, timeout, Some(span.context())) {
            Ok(answer) => answer.status().as_u16(),
            Err(error) => {
                let log = span.log().with_string("event", "error");
                log.with_string("message", &error.to_string());
                504
            }
        };
        note(&mut span, status);
        (status, span.context())
    }

    /// Answers, and ends the span.
    pub(crate) fn answer(mut self, status: u16) {
        note(&mut self.span, status);
        let trace_id = self.span.context().trace_id.to_string();
        let header = Header::from_bytes("trace-id", trace_id).expect("it is ASCII");
        let response = Response::empty(status).with_header(header);
        // Before the caller goes on, whose own span lasts longer.
        drop(self.span);
        // The caller may have given up.
        let _ = self.request.respond(response);
    }
}

fn note(span: &mut Span, status: u16) {
    span.add_int_tag("http.status_code", status.into());
    if status >= 500 {
        span.add_bool_tag("error", true);
    }
}

/// A request with the context of a span, if there is one.
pub(crate) fn http(
    method: &str,
    url: &str,
    timeout: Duration,
    context: Option<SpanContext>,
) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(timeout))
        .build()
        .new_agent();
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    if let Some(context) = context {
        request = request.header(uber::HEADER, Uber(context).to_string());
    }
    agent.run(request.body(())?)
}
