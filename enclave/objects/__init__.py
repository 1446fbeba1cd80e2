"""The object store: the only folder that imports the MinIO client.

`s3` speaks S3 to any server, `weed` starts the embedded one, `sealed` encrypts extracts before they leave the
process, `manifest` lists the bytes of a release and proves them.
"""
