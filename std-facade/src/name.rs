//! Names as `impl Into<String>`, without a `String` on the way where there is a `&str` already.

use std::any::TypeId;
use std::marker::PhantomData;
use std::mem;

/// A name as text: a `&str`, of whatever lifetime, as it is; a `String` is not copied.
pub(crate) enum Name<N> {
    /// `N` is `&str`.
    Str(N),
    String(String),
}

impl<N: Into<String>> Name<N> {
    #[inline(always)]
    pub(crate) fn of(name: N) -> Self {
        if erased_type_id::<N>() == TypeId::of::<&'static str>() {
            Self::Str(name)
        } else {
            Self::String(name.into())
        }
    }

    #[inline(always)]
    pub(crate) fn as_str(&self) -> &str {
        match self {
            // SAFETY: `N` is `&'a str` for some `'a`, because lifetimes are all that was erased. The
            // copy is used while the name lives, and a reference has no destructor to run twice.
            Self::Str(name) => unsafe { mem::transmute_copy(name) },
            Self::String(name) => name,
        }
    }
}

/// The id of a type with all its lifetimes taken for `'static`.
#[inline(always)]
fn erased_type_id<T: ?Sized>() -> TypeId {
    trait Erased {
        fn type_id(&self) -> TypeId
        where
            Self: 'static;
    }
    impl<T: ?Sized> Erased for PhantomData<T> {
        #[inline]
        fn type_id(&self) -> TypeId
        where
            Self: 'static,
        {
            TypeId::of::<T>()
        }
    }
    let phantom = PhantomData::<T>;
    let erased: &dyn Erased = &phantom;
    // SAFETY: only the lifetime bound of the trait object changes, and the value has no data that
    // could be reached for too long.
    let erased: &(dyn Erased + 'static) = unsafe { mem::transmute(erased) };
    erased.type_id()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address<N: Into<String>>(name: N) -> *const u8 {
        Name::of(name).as_str().as_ptr()
    }

    fn text<N: Into<String>>(name: N) -> String {
        Name::of(name).as_str().to_owned()
    }

    #[test]
    fn a_str_of_any_lifetime_is_passed_as_it_is() {
        let owned = String::from("a name that lives on this stack frame");
        let short: &str = &owned;
        assert_eq!(address(short), owned.as_ptr());
        assert_eq!(address("static"), "static".as_ptr());
        let place = owned.as_ptr();
        assert_eq!(address(owned), place);
    }

    #[test]
    fn what_else_becomes_a_string_is_converted() {
        let borrowed: &String = &String::from("ß");
        let texts = [
            text('ß'),
            text(std::borrow::Cow::Borrowed("ß")),
            text(borrowed),
            text(Box::<str>::from("ß")),
        ];
        assert_eq!(texts, ["ß", "ß", "ß", "ß"]);
    }
}
