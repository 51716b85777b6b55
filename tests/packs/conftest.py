"""The pack's own tests run where the pack is installed: tests/packs/test_pack.py does so."""

collect_ignore = ["datalint-pack-example"]
