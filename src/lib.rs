//! Holdline: the WebSocket tier of an HTTP application.
