//! The surface as a client meets it: the whole router over a real store and the sandbox rail.

mod authority;
mod browser;
mod canary;
mod conservation;
mod described;
mod events;
mod native;
mod operations;
mod own_tokens;
mod retention;
mod rotation;
mod second_factor;
mod support;
mod trial;
mod web_doors;
mod web_tokens;
mod wire;
mod world;
