"""Staff's passwords: kept by Argon2id, and known again however they were kept before."""

from __future__ import annotations

from django.contrib.auth.hashers import check_password, identify_hasher, make_password


def test_a_password_is_kept_with_our_figures_and_known_again(settings):
    settings.PASSWORD_HASHERS = ["ding.passwords.Argon2"]
    kept = make_password("correct horse battery staple")
    assert "argon2id" in kept
    assert "$m=19456,t=2,p=1$" in kept
    assert check_password("correct horse battery staple", kept)
    assert not check_password("wrong horse", kept)


def test_one_kept_with_other_figures_is_known_and_kept_anew(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    before = make_password("correct horse battery staple")
    settings.PASSWORD_HASHERS = ["ding.passwords.Argon2"]
    anew = []
    assert check_password("correct horse battery staple", before, setter=anew.append)
    assert anew == ["correct horse battery staple"]
    assert identify_hasher(before).must_update(before)
