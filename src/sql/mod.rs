//! What a statement does, by its tokens alone: which SQL text leaves something behind in a server's
//! session.
//!
//! Never by meaning: a name is not looked up, and what a function does inside is not known. Doubt
//! counts as state. Nothing here allocates but what remembers a text, and a text may come in pieces cut anywhere.
//!
//! See "Lexical Structure", <https://www.postgresql.org/docs/current/sql-syntax-lexical.html>.

mod block_end;
mod byte_class;
mod deallocate;
mod familiar_texts;
mod keywords;
mod lexer;
mod numbers;
mod parameter;
pub mod reads;
mod repeatable;
mod set_config;
mod shape;
mod state_effects;

#[cfg(test)]
mod tests;

pub use self::block_end::begins_with_block_end;
pub use self::deallocate::deallocated_name;
pub use self::familiar_texts::FamiliarTexts;
pub use self::familiar_texts::PlaceNumber;
pub use self::repeatable::is_repeatable;
pub use self::shape::shape;
pub use self::state_effects::Effects;
pub use self::state_effects::Leaves;
pub use self::state_effects::Mention;
pub use self::state_effects::StateEffects;
pub use self::state_effects::Touch;
pub use self::state_effects::Usage;

/// What the reading of a text may have to know of the session that it runs in.
pub trait Session {
    /// Whether the server reports this parameter when it changes (`GUC_REPORT`): such a parameter
    /// follows the client.
    fn is_reported(&self, name: &str) -> bool;

    /// Whether a backslash escapes in plain texts: `standard_conforming_strings = off`.
    fn has_backslash_escapes(&self) -> bool;

    /// Whether the second byte of a character may look like a backslash: `client_encoding` is SJIS
    /// or the like.
    fn has_backslash_in_characters(&self) -> bool;
}
