//! Names as `impl Into<String>`, without a `String` on the way where there is a `&str` already.

use std::any::TypeId;
use std::marker::PhantomData;
use std::mem;

/// Passes `name` on as text. A `&str`, of whatever lifetime, is passed as it is; a `String` is not
/// copied.
#[inline]
pub(crate) fn with_str<N: Into<String>, R>(name: N, then: impl FnOnce(&str) -> R) -> R {
    if erased_type_id::<N>() == TypeId::of::<&'static str>() {
        // SAFETY: `N` is `&'a str` for some `'a`, because lifetimes are all that was erased. The
        // copy is used while `name` lives, and a reference has no destructor to run twice.
        let text: &str = unsafe { mem::transmute_copy(&name) };
        return then(text);
    }
    then(&name.into())
}

/// The id of a type with all its lifetimes taken for `'static`.
#[inline]
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
        with_str(name, |text| text.as_ptr())
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
            with_str('ß', str::to_owned),
            with_str(std::borrow::Cow::Borrowed("ß"), str::to_owned),
            with_str(borrowed, str::to_owned),
            with_str(Box::<str>::from("ß"), str::to_owned),
        ];
        assert_eq!(texts, ["ß", "ß", "ß", "ß"]);
    }
}
