//! Settings that are one word of a few: the `choices!` table gives the enum, its words and its
//! parser.
//!
//! A word is never guessed: there is no `auto`.

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

        impl std::fmt::Display for $Choice {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}
pub(in crate::config) use choices;
