//! Settings that are one word of a few: the `choices!` table gives the enum, its words and its
//! parser.
//!
//! A word is never guessed: there is no `auto`.

use crate::config::reading::problem::Problem;
use crate::config::reading::value::Value;

/// Defines an enum whose variants are words of the configuration file.
macro_rules! choices {
    (
        $(#[doc = $doc:literal])+
        pub enum $Choice:ident {
            $( $(#[doc = $variant_doc:literal])+ $Variant:ident = $word:literal, )+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $Choice {
            $( $(#[doc = $variant_doc])+ $Variant, )+
        }

        impl $Choice {
            /// Every variant, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$Variant),+];

            /// The word that stands for it in the configuration, in logs and in the console.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$Variant => $word,)+
                }
            }
        }

        impl $crate::config::reading::value::SettingValue for $Choice {
            const WORDS: &'static [&'static str] = &[$($word),+];

            fn read(written: &$crate::config::reading::value::Value<'_>) -> Option<Self> {
                $crate::config::choice::read(written, Self::WORDS, Self::ALL)
            }

            fn show(&self) -> Option<String> {
                Some(format!("\"{self}\""))
            }
        }

        impl std::fmt::Display for $Choice {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}
pub(in crate::config) use choices;

/// The choice whose word is written; `words` and `choices` are in the same order.
pub(in crate::config) fn read<T: Copy>(
    written: &Value<'_>,
    words: &[&str],
    choices: &[T],
) -> Option<T> {
    let all = words.join(", ");
    let text = written.text(&format!("one of the words {all}"))?;
    let position = words.iter().position(|word| *word == text);
    if let Some(choice) = position.and_then(|position| choices.get(position)) {
        return Some(*choice);
    }
    written.mistake(Problem::UnknownWord {
        value: written.quoted(),
        words: all,
    });
    None
}
