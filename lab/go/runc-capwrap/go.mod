module landbridge.dev/lab/runc-capwrap

go 1.24.0
